<TMPL_INCLUDE NAME="header.tpl">
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="sfaManager"></h1>
  <noscript><p class="message message-warning" trspan="needsScripts"></p></noscript>
  <div id="color" class="message message-<TMPL_VAR NAME="ALERT">" role="status">
    <span id="msg" trspan="<TMPL_IF NAME="REG_REQUIRED">2fRegRequired<TMPL_ELSE><TMPL_VAR NAME="MSG"></TMPL_IF>"></span>
  </div>
  <TMPL_IF NAME="SFDEVICES">
  <ul class="devices">
    <TMPL_LOOP NAME="SFDEVICES">
    <li id="delete-<TMPL_VAR NAME="epoch">">
      <span><b trspan="<TMPL_VAR NAME="type">"></b><br><TMPL_VAR NAME="name" ESCAPE=HTML>, <span class="data-epoch"><TMPL_VAR NAME="epoch"></span></span>
      <TMPL_IF NAME="delAllowed"><button type="button" class="hds-button hds-button--secondary remove2f" device="<TMPL_VAR NAME="type">" epoch="<TMPL_VAR NAME="epoch">" prefix="<TMPL_VAR NAME="prefix">" trspan="unregister"></button></TMPL_IF>
    </li>
    </TMPL_LOOP>
  </ul>
  </TMPL_IF>
  <h2 class="heading-m" trspan="addSecondFactor"></h2>
  <p class="actions">
    <TMPL_LOOP NAME="MODULES">
    <a class="hds-button hds-button--primary" href="<TMPL_VAR NAME="URL">" trspan="<TMPL_VAR NAME="CODE">2f"></a>
    </TMPL_LOOP>
  </p>
  <p><a id="goback" class="hds-link" href="<TMPL_VAR NAME="PORTAL_URL">?cancel=1" trspan="back2Portal"></a></p>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/2fregistration.min.js"></script>
</main>
<TMPL_INCLUDE NAME="footer.tpl">
