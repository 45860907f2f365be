<TMPL_INCLUDE NAME="header.tpl">
<main class="narrow">
  <h1 trspan="sfaManager"></h1>
  <div id="color" class="message message-<TMPL_VAR NAME="ALERT"> alert" role="status">
    <span id="msg" trspan="<TMPL_IF NAME="REG_REQUIRED">2fRegRequired<TMPL_ELSE><TMPL_VAR NAME="MSG"></TMPL_IF>"></span>
  </div>
  <TMPL_IF NAME="SFDEVICES">
  <section class="card">
    <table class="table">
      <thead>
        <tr>
          <th scope="col" trspan="type"></th>
          <th scope="col" trspan="name"></th>
          <th scope="col" trspan="date"></th>
          <th scope="col" trspan="action"></th>
        </tr>
      </thead>
      <tbody>
        <TMPL_LOOP NAME="SFDEVICES">
        <tr id="delete-<TMPL_VAR NAME="epoch">">
          <td><TMPL_VAR NAME="type"></td>
          <td><TMPL_VAR NAME="name" ESCAPE=HTML></td>
          <td class="data-epoch"><TMPL_VAR NAME="epoch"></td>
          <td><TMPL_IF NAME="delAllowed"><button type="button" class="btn btn-secondary remove2f" device="<TMPL_VAR NAME="type">" epoch="<TMPL_VAR NAME="epoch">" prefix="<TMPL_VAR NAME="prefix">" trspan="unregister"></button></TMPL_IF></td>
        </tr>
        </TMPL_LOOP>
      </tbody>
    </table>
  </section>
  </TMPL_IF>
  <h2 trspan="addSecondFactor"></h2>
  <p class="actions">
    <TMPL_LOOP NAME="MODULES">
    <a class="btn btn-primary" href="<TMPL_VAR NAME="URL">" trspan="<TMPL_VAR NAME="CODE">2f"></a>
    </TMPL_LOOP>
  </p>
  <p><a id="goback" href="<TMPL_VAR NAME="PORTAL_URL">?cancel=1" trspan="back2Portal"></a></p>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/2fregistration.min.js"></script>
</main>
<TMPL_INCLUDE NAME="footer.tpl">
